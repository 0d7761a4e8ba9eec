/** Owns the frame around every view: where one can go, whether what is shown is live, the theme, and who is signed in. */
import { CircleUser, ClipboardList, LayoutGrid, LogOut, Monitor, Moon, Sun, Timer } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import {
  Button as AriaButton,
  Header,
  Menu,
  MenuItem,
  MenuSection,
  MenuTrigger,
  Popover,
} from 'react-aria-components';
import { LiveBanner, LiveMark } from '../live/live-mark.tsx';
import { Mark } from '../parts/mark.tsx';
import { Toasts } from '../parts/toast.tsx';
import { useSignedIn } from '../session/context.tsx';
import { hashOf, type View } from './place.ts';
import { type Theme, useTheme } from './theme.ts';
import { usePlace } from './use-place.ts';
import './shell.css';

const viewNames: readonly { view: View; name: string; Icon: typeof Timer; needs?: 'ROOM_MANAGEMENT:READ' }[] =
  [
    { view: 'board', name: 'Board', Icon: LayoutGrid },
    { view: 'holds', name: 'Holds', Icon: Timer },
    { view: 'audit', name: 'Audit', Icon: ClipboardList, needs: 'ROOM_MANAGEMENT:READ' },
  ];

const themes: readonly { theme: Theme; name: string; Icon: typeof Sun }[] = [
  { theme: 'system', name: 'As the system', Icon: Monitor },
  { theme: 'light', name: 'Light', Icon: Sun },
  { theme: 'dark', name: 'Dark', Icon: Moon },
];

function Navigation() {
  const { view: here } = usePlace();
  const { may } = useSignedIn();
  return (
    <nav className="shell-nav" aria-label="Views">
      {viewNames
        .filter(({ needs }) => needs === undefined || may(needs))
        .map(({ view, name, Icon }) => (
          <a key={view} href={hashOf(view)} aria-current={view === here ? 'page' : undefined}>
            <Icon aria-hidden /> {name}
          </a>
        ))}
    </nav>
  );
}

function PersonMenu() {
  const { claims, signOut } = useSignedIn();
  const [theme, choose] = useTheme();
  return (
    <MenuTrigger>
      <AriaButton className="shell-person" aria-label={`Signed in as ${claims.sub}: theme and signing out`}>
        <CircleUser aria-hidden />
        <span className="shell-person-name">{claims.sub}</span>
      </AriaButton>
      <Popover className="popover" placement="bottom end" offset={6}>
        <Menu className="menu shell-menu" aria-label="Theme and signing out">
          <MenuSection
            selectionMode="single"
            selectedKeys={[theme]}
            onSelectionChange={(keys) => {
              const chosen = themes.find((one) => keys !== 'all' && keys.has(one.theme));
              if (chosen) choose(chosen.theme);
            }}
          >
            <Header className="menu-header">Theme</Header>
            {themes.map(({ theme: id, name, Icon }) => (
              <MenuItem key={id} id={id} className="menu-item" textValue={name}>
                <Icon aria-hidden />
                <span className="menu-text">{name}</span>
                <span className="menu-dot" aria-hidden />
              </MenuItem>
            ))}
          </MenuSection>
          <MenuSection>
            <Header className="menu-header">
              {claims.sub}
              <small>{[...claims.permissions].join(', ')}</small>
            </Header>
            <MenuItem className="menu-item" onAction={signOut} textValue="Sign out">
              <LogOut aria-hidden />
              <span className="menu-text">Sign out</span>
            </MenuItem>
          </MenuSection>
        </Menu>
      </Popover>
    </MenuTrigger>
  );
}

/** The frame; its children are the view. */
export function Shell({ children }: { children: ReactNode }) {
  const { view } = usePlace();
  useEffect(() => {
    document.title = `${viewNames.find((one) => one.view === view)?.name ?? ''} · Holdfast`;
  }, [view]);
  return (
    <div className="shell">
      <header className="shell-head">
        <span className="shell-name">
          <Mark /> <span>Holdfast</span>
        </span>
        <Navigation />
        <LiveMark />
        <PersonMenu />
      </header>
      <LiveBanner />
      <main className="shell-view">{children}</main>
      <Toasts />
    </div>
  );
}
